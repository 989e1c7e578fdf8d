#!/bin/bash
# shellcheck disable=SC2016,SC1003 # what the builder leaves as it is
printf '1 value "q" $x \\ a\n' >one; echo 2 >two; printf '%s\n' '$x \$x \\' >raw; printf 'a\n  b\n' >tab
printf '# no comment\ne \njoined\n' >E; echo f >f; : >empty; touch -d @1500000000 f
