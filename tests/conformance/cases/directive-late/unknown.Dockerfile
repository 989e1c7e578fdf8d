# nonsense=1
# escape=`
FROM base
ENV a=1 \
 b=2
