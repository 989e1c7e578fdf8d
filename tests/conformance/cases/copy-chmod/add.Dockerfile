FROM base
ADD --chmod=640 f /a
ADD --chmod=750 d /b
