//! The central index of gateways: a Worker on D1.
