FROM base AS tools
RUN mkdir /out && printf '#!/bin/sh\necho tool "$@"\n' >/out/tool && chmod 755 /out/tool
FROM --platform=$BUILDPLATFORM base
RUN mkdir -p /usr/local/tools /w /root/.cache && touch /usr/bin/tool /w/a /w/b.txt
WORKDIR /w
ARG TARGETOS TARGETARCH
RUN --mount=from=tools,source=/out/tool,target=/usr/bin/tool \
    --mount=type=cache,target=/root/.cache \
    tool $TARGETOS >/one
RUN --mount=type=bind,source=a,target=a --mount=type=bind,source=b.txt,target=b.txt \
    cat a b.txt >/two && pwd >>/two
RUN --mount=from=tools,source=/out,target=/usr/local/tools --mount=target=. \
  set -eu; /usr/local/tools/tool here >/three; ls >>/three
