FROM base
ENV x=env
ARG x=arg
RUN echo $x >/1
LABEL x=$x
ARG y=arg
ENV y=env$y
RUN echo $y >/2
ENV a=1 b=$a c=${a:-2}
RUN echo "$a $b $c" >/3
ENV a=3 b=$a
RUN echo "$a $b" >/4
ENV PATH=$PATH:/more
RUN echo $PATH >/5
ENV HOME=/h
RUN echo $HOME ~ >/6
ENV with="quote\"d" sp=a\ b sq='a $x' d="$x" bs=\\x e="" f=''
RUN printf '%s|' "$with" "$sp" "$sq" "$d" "$bs" "$e" "$f" >/7
ENV old form  with $x  "and"  'q'
RUN printf '%s' "$old" >/8
