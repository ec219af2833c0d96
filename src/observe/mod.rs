//! Looks at the live host; never touches it, never fails as a whole.
