FROM base
LABEL a=${x:=w}
