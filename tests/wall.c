/* A wall clock that tests set while a program runs: ahead by the whole seconds that the file WALL_AHEAD says; every other clock goes on.
   Loaded before the C library (LD_PRELOAD). Declared by hand, so that a small compiler without anybody's headers makes it. */

struct when { long seconds, parts; };

int open(const char *, int, ...);
long read(int, void *, unsigned long);
int close(int);
long strtol(const char *, char **, int);
char *getenv(const char *);
long syscall(long, ...);

#ifdef __aarch64__
enum { CLOCK_GETTIME = 113 };
#else
enum { CLOCK_GETTIME = 228 };
#endif
enum { REALTIME = 0, REALTIME_COARSE = 5 };

static long ahead(void)
{
    char said[32] = {0};
    int file = open(getenv("WALL_AHEAD"), 0);

    if (file < 0)
        return 0;
    read(file, said, sizeof said - 1);
    close(file);
    return strtol(said, 0, 10);
}

int clock_gettime(int which, struct when *found)
{
    int result = syscall(CLOCK_GETTIME, which, found);

    if (result == 0 && (which == REALTIME || which == REALTIME_COARSE))
        found->seconds += ahead();
    return result;
}

int gettimeofday(struct when *found, void *zone)
{
    int result = clock_gettime(REALTIME, found);

    found->parts /= 1000;
    return result;
}

long time(long *found)
{
    struct when now;

    clock_gettime(REALTIME, &now);
    if (found)
        *found = now.seconds;
    return now.seconds;
}
