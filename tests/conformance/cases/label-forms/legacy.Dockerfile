FROM base
ENV v=value
LABEL a  b=c $v
