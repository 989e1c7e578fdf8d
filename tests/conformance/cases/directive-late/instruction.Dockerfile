FROM base
# escape=`
ENV a=1 \
 b=2
