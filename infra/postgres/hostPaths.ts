/** Files of a host of tier ec2 that both its own scripts (`templates/host`) and whoever looks after it know by name. */

/** How far the setup came, and why it stopped: lines of name=value. */
export const HOST_STATUS_FILE = '/var/lib/qbench/status';
/** The configuration that the server last refused, which is not tried again until it changes or this file is gone. */
export const HOST_REFUSED_FILE = '/run/qbench-refused';
