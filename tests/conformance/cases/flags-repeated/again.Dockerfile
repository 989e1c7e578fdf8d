FROM base
ARG A
ARG C=z
RUN echo "A=$A C=$C" >/arguments
ARG C=w
ARG A
RUN echo "A=$A C=$C" >>/arguments
