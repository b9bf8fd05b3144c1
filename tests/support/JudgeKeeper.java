import java.io.BufferedReader;
import java.io.File;
import java.io.FileReader;
import java.io.FileWriter;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.util.Properties;
import org.apache.zookeeper.server.quorum.QuorumPeerConfig;

/**
 * What a version of ZooKeeper itself says of properties, as Judge.java asks Kafka: each line of standard input is
 * `section TAB name TAB value`, each answer begins with =, and ends there where the parser takes the value. Argument: a zoo.cfg, in
 * which the one property is set.
 */
public class JudgeKeeper {
    public static void main(String[] arguments) throws Exception {
        File home = new File(arguments[0]).getParentFile();
        try (FileWriter out = new FileWriter(new File(home, "myid"))) {
            out.write("1");
        }
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split("\t", -1);
            QuorumPeerConfig.setReconfigEnabled(false); // what one parse has set holds for the next
            QuorumPeerConfig.setStandaloneEnabled(true);
            Properties properties = new Properties();
            try (FileReader in = new FileReader(arguments[0])) {
                properties.load(in);
            }
            properties.setProperty("dataDir", home.getPath());
            properties.setProperty(parts[1], parts[2]);
            File file = new File(Files.createTempDirectory(home.toPath(), "one").toFile(), "zoo.cfg");
            try (FileWriter out = new FileWriter(file)) {
                properties.store(out, null);
            }
            String why = "";
            try {
                new QuorumPeerConfig().parse(file.getPath());
            } catch (Exception error) {
                why = error.getMessage() + ": " + error.getCause();
            }
            System.out.println("=" + why.replace("\n", " "));
        }
    }
}
