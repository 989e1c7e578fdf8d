FROM Base:x:y
