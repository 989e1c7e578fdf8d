FROM base
ADD --exclude=*.tar *.tar src/main.c /to/
