//! Incidents from a run to a receiver: a real `rmqgit sync`, and services on this machine.

mod delivery;
mod formats;
mod life;
mod matrix;
mod metrics;
mod proxy;
mod receiver;
mod sealed;
mod services;
mod status;
mod tls;
