ARG img=base
ARG given=d1 both empty=e1 chained=${img}x
ARG late=$chained$given
FROM ${img} AS a
ARG img
ARG given
ARG both=own
ARG empty=own
ARG chained
ARG late
ARG never
RUN env | grep -E '^(img|given|both|empty|chained|late|never)=' | sort >/1
FROM a
RUN env | grep -E '^(img|given|both|empty|chained|late|never)=' | sort >/2
ARG given=again
ENV given=env-$given
RUN echo $given >/3
ARG given
RUN echo $given >/4
ARG late=changed
RUN echo $late >/5
LABEL given=$given late=$late
