FROM base
ENV p="80 81/udp" r=9000-9002 e=
EXPOSE $p ${r}/tcp 443 443/tcp $e
EXPOSE 80/TCP
EXPOSE 7000-7001/udp
