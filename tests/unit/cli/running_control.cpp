// The status socket of control's tests, for the command line's.
#include "unit/control/running_control.cpp"
