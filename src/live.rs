//! One host as it is now.
