FROM base
ONBUILD run echo  "x  y"   >/x
ONBUILD COPY ["a b", "/c"]
ONBUILD ENV a=$b c
ONBUILD   WORKDIR   /x
onbuild entrypoint ["a"]
