FROM base
ENV A=1 \
    # between
    B=2 \

    C="x \
  y"
SHELL ["/bin/sh", "-e", "-c"]
RUN set -u; \
	# first
	echo "$A" >/x; \
	\
	if [ -f /y ]; then \
		echo no; \
	else \
  # second

		echo "$B $C" >>/x; \
	fi; \
	for i in 1 2; do echo $i; done >>/x \
 && { echo "a\
b"; echo 'c\d'; } >>/x
HEALTHCHECK --interval=30s --timeout=3s \
  CMD wget -q http://localhost/ || exit 1
LABEL org.example.title="a \
   b" \
  org.example.url='http://x/?a=b&c' \
  n=1
EXPOSE 80 443 8080/tcp 6060-6062
VOLUME ["/data", "/config"]
ENTRYPOINT ["tini", "--"]
CMD [ "node", "server.js" ]
