# a comment
# escape=`
FROM base
ENV a=1 \
 b=2
