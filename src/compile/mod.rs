//! From the model of one cluster to the bundles of its hosts.
