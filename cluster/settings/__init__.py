"""Settings of brokers and topics: read, explained, changed at run time."""
