"""The forking side of a worker: zygote → keeper → runner. Standard library only, Python 3.9 and later.

It stands alone, because a pool of workers may run it inside any image: copy this folder and start
``python -m zygote``. It knows neither operators nor networks; it hears its supervisor over one socket.
"""
