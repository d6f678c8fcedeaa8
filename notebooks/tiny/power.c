#include "cpumask.h"

struct device {
	long wakeups;
};

static long wakeup_show(struct device *dev, char *buf)
{
	buf[0] = '0' + dev->wakeups % 10;
	return 1;
}

void *power_table[] = { cpumask_weight, wakeup_show };
