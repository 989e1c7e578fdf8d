FROM base
ENV x=y
CMD echo $x  "a  b" \$x
ENTRYPOINT exec  top
