/* Programs that keep passwords: docker-credential-NAME get, store, erase. */
#ifndef CREDENTIAL_HELPER_H
#define CREDENTIAL_HELPER_H

#include "credentials.h"

/* server: as Docker names it. ret stays empty where the helper knows nothing. */
int helper_get(const char *name, const char *server, struct credentials *ret,
	       struct msb_error *err);
int helper_store(const char *name, const char *server, const struct credentials *credentials,
		 struct msb_error *err);
int helper_erase(const char *name, const char *server, struct msb_error *err);

#endif
