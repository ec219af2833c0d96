//! Runs the steps of a plan in order; decides nothing.
