FROM base AS one
RUN mkdir /seed && echo one >/seed/x
FROM base AS two
RUN mkdir /seed && echo two >/seed/x
FROM base
RUN mkdir /m
RUN --mount=type=cache,id=seeded,target=/m echo plain >/m/y
RUN --mount=type=cache,id=seeded,from=one,source=/seed,target=/m cat /m/* >/1 && echo more >/m/z
RUN --mount=type=cache,id=seeded,from=two,source=/seed,target=/m cat /m/* >/2
RUN --mount=type=cache,id=seeded,from=one,source=/seed,target=/m cat /m/* >/3
RUN --mount=type=cache,id=seeded,target=/m cat /m/* >/4
