/* Registries. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <msb/builder.h>

#include "fake.h"

int msb_image_tags(const char *name, char ***ret, struct msb_error *err)
{
	if (strcmp(name, "absent") == 0)
		return msb_error_say(err, ENOENT, "absent: no such thing");
	*ret = calloc(3, sizeof(**ret));
	if (!*ret)
		return msb_error_memory(err);
	(*ret)[0] = strdup("1");
	(*ret)[1] = strdup("latest");
	return 0;
}

static void tell_transfer(msb_transfer_fn tell, void *context, const char *image, bool push)
{
	const struct msb_digest one = digest(0x31), two = digest(0x32), three = digest(0x33);
	const struct msb_transfer story[] = {
		{.state = MSB_TRANSFER_BEGIN},
		{.state = MSB_TRANSFER_PRESENT, .layer = &one},
		{.state = MSB_TRANSFER_WAITING, .layer = &two},
		{.state = MSB_TRANSFER_WAITING, .layer = &three},
		{.state = push ? MSB_TRANSFER_PREPARING : MSB_TRANSFER_MOVING, .layer = &two},
		{.state = push ? MSB_TRANSFER_MOVING : MSB_TRANSFER_FETCHED, .layer = &two},
		{.state = MSB_TRANSFER_DONE, .layer = &two},
		{.state = push ? MSB_TRANSFER_MOUNTED : MSB_TRANSFER_DONE,
		 .layer = &three,
		 .from = "library/node"},
	};

	for (size_t i = 0; i < sizeof(story) / sizeof(story[0]); i++) {
		struct msb_transfer transfer = story[i];

		transfer.image = image;
		tell(context, &transfer);
	}
}

int msb_image_pull(const char *root, const struct msb_pull_options *options, msb_transfer_fn tell,
		   void *context, struct msb_pull_result *ret, struct msb_error *err)
{
	autofree char *name = NULL;

	(void)root;
	if (strcmp(options->name, "absent") == 0)
		return msb_error_say(err, ENOENT, "pull absent: no such thing");
	if (msb_reference_normalize(options->name, &name, err) < 0)
		return -ENOMEM;
	tell_transfer(tell, context, name, false);
	*ret = (struct msb_pull_result){digest(0x41), digest(0x42), options->platform != NULL};
	return 0;
}

int msb_serve_fetches(const char *root, int fd, struct msb_error *err)
{
	(void)root;
	return msb_error_say(err, EINVAL, "nobody is at descriptor %d", fd);
}

int msb_image_push(const char *root, const struct msb_push_options *options, msb_transfer_fn tell,
		   void *context, struct msb_push_result *ret, struct msb_error *err)
{
	autofree char *name = NULL;

	(void)root;
	if (strcmp(options->name, "absent") == 0)
		return msb_error_say(err, ENOENT, "push absent: no such thing");
	if (msb_reference_normalize(options->name, &name, err) < 0)
		return -ENOMEM;
	printf("compression %s, level %d\n", options->compression ? options->compression : "-",
	       options->level);
	tell_transfer(tell, context, name, true);
	*ret = (struct msb_push_result){digest(0x43), 528};
	return 0;
}

int msb_login(const char *server, const char *user, const char *password, struct msb_error *err)
{
	if (strcmp(password, "wrong") == 0)
		return msb_error_say(err, EACCES, "log in: not accepted");
	printf("server %s, user %s, password of %zu bytes\n", server ? server : "-", user,
	       strlen(password));
	return 0;
}

int msb_logout(const char *server, bool *ret_known, struct msb_error *err)
{
	(void)err;
	*ret_known = server == NULL;
	return 0;
}
