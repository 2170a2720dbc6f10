"""The way to a release in a cluster, through kubectl: whoever can use kubectl there can use nicectl.

kubectl knows every way to authenticate; so nothing of that is here, and no library for it is needed.
"""
