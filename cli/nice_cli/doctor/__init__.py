"""What ``nicectl doctor`` looks at: each check asks one thing and answers with findings. None raises."""
