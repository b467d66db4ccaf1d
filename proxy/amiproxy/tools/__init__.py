"""Programs that are not needed to serve: the doctor, the forwarder, importers, the demo, the simulator."""
