"""What more than one role uses: JVM options, properties files, releases, commands, waits."""
