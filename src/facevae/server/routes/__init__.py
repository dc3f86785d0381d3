"""The operations of the service, one file for each kind of job."""
