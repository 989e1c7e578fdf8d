FROM base
EXPOSE 80/icmp
