//! The helper: a process with two capabilities that makes sockets inside the network namespaces of containers and hands them over.
