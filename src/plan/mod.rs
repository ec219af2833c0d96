//! Decides everything: (base, desired, observed) to a plan of changes and ordered steps. Pure.
