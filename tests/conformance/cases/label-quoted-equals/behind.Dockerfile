FROM base
LABEL "a"=b=c "d e"=f=
LABEL a\=b=c
LABEL ""=x
LABEL "k" v
