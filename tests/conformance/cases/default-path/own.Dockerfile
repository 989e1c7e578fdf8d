FROM base
RUN echo $PATH >/x
ENV PATH=/bin:/own
RUN echo $PATH >>/x
