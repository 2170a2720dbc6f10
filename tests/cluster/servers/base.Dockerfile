# Debian with Python. Its command sleeps, so that it serves as the sandbox of every pod, too.
FROM scratch
ADD base.tar /
ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8
CMD ["sleep", "infinity"]
