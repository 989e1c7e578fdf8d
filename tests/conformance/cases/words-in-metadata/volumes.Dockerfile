FROM base
ENV p="/a b" d=/d
VOLUME $p $d/x "$d"
VOLUME ["$p", "/j k"]
VOLUME rel/path
VOLUME /t/ /t//u/../v
