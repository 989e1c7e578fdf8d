FROM base
ADD --exclude=*.o a.tar /unpacked/
