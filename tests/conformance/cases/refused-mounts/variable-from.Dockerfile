FROM base
ARG x=base
RUN --mount=from=$x,target=/x true
