FROM base
ARG k=key
ENV v="a b" q='it''s' e=
LABEL $k=1 "$k"2=$v '$k'3='$v' "a b"=c d.e/f-g="x\
y" multi="one \"two\" three" z=${e:-none} x=${u:+x}
LABEL old style  value "here"  
LABEL $k again
