// The other unit of has-settings.c.
static volatile long limit = 7;

long otherLimit(void) { return limit; }
