"""The figures that the README claims, measured on a product started for them. Only loopback is used."""
