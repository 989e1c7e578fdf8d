FROM base
ENV u=1000 g=100
USER $u:$g
RUN id -u >/tmp/u; id -g >>/tmp/u; id -G >>/tmp/u
USER ${nobody:-0}
USER "$u"
