import com.amazonaws.services.s3.AmazonS3;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;
import com.amazonaws.services.sagemaker.AmazonSageMaker;
import com.amazonaws.services.sagemaker.AmazonSageMakerClientBuilder;
import com.amazonaws.services.sagemaker.model.*;
import com.amazonaws.services.sagemakerruntime.AmazonSageMakerRuntimeClientBuilder;
import com.amazonaws.services.sagemakerruntime.model.InvokeEndpointRequest;
import com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder;
import com.amazonaws.services.securitytoken.model.GetCallerIdentityRequest;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** What a program on the AWS SDK for Java does with a built-in algorithm; it knows of no endpoint. */
public class Tour {
    static final String IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1";
    static final String ROLE = "arn:aws:iam::000000000000:role/WildsageRole";

    public static void main(String[] arguments) throws Exception {
        var identity = AWSSecurityTokenServiceClientBuilder.defaultClient().getCallerIdentity(new GetCallerIdentityRequest());
        System.out.println("account " + identity.getAccount());

        AmazonS3 s3 = AmazonS3ClientBuilder.defaultClient();
        s3.createBucket("from-java");
        s3.putObject("from-java", "train/rows.csv", "0,0\n0,1\n1,0\n9,9\n9,8\n8,9\n");
        System.out.println("read back " + s3.getObjectAsString("from-java", "train/rows.csv").length());

        AmazonSageMaker sagemaker = AmazonSageMakerClientBuilder.defaultClient();
        train(sagemaker);
        deploy(sagemaker);
        var answer = AmazonSageMakerRuntimeClientBuilder.defaultClient().invokeEndpoint(
            new InvokeEndpointRequest().withEndpointName("java").withContentType("text/csv")
                .withBody(ByteBuffer.wrap("0,0\n9,9\n".getBytes(StandardCharsets.UTF_8))));
        System.out.println("answer " + StandardCharsets.UTF_8.decode(answer.getBody()));
        sagemaker.deleteEndpoint(new DeleteEndpointRequest().withEndpointName("java"));
    }

    static void train(AmazonSageMaker sagemaker) throws Exception {
        var source = new S3DataSource().withS3DataType("S3Prefix").withS3Uri("s3://from-java/train")
            .withS3DataDistributionType("FullyReplicated");
        sagemaker.createTrainingJob(new CreateTrainingJobRequest().withTrainingJobName("java").withRoleArn(ROLE)
            .withAlgorithmSpecification(new AlgorithmSpecification().withTrainingImage(IMAGE).withTrainingInputMode("File"))
            .addHyperParametersEntry("k", "2").addHyperParametersEntry("feature_dim", "2")
            .withInputDataConfig(new Channel().withChannelName("train").withContentType("text/csv;label_size=0")
                .withDataSource(new DataSource().withS3DataSource(source)))
            .withOutputDataConfig(new OutputDataConfig().withS3OutputPath("s3://from-java/models"))
            .withResourceConfig(new ResourceConfig().withInstanceType("ml.c4.xlarge").withInstanceCount(1).withVolumeSizeInGB(1))
            .withStoppingCondition(new StoppingCondition().withMaxRuntimeInSeconds(60)));
        String status = "InProgress";
        while (status.equals("InProgress")) {
            Thread.sleep(200);
            status = sagemaker.describeTrainingJob(new DescribeTrainingJobRequest().withTrainingJobName("java")).getTrainingJobStatus();
        }
        System.out.println("training " + status);
    }

    static void deploy(AmazonSageMaker sagemaker) throws Exception {
        String artifact = sagemaker.describeTrainingJob(new DescribeTrainingJobRequest().withTrainingJobName("java"))
            .getModelArtifacts().getS3ModelArtifacts();
        sagemaker.createModel(new CreateModelRequest().withModelName("java").withExecutionRoleArn(ROLE)
            .withPrimaryContainer(new ContainerDefinition().withImage(IMAGE).withModelDataUrl(artifact)));
        sagemaker.createEndpointConfig(new CreateEndpointConfigRequest().withEndpointConfigName("java").withProductionVariants(
            new ProductionVariant().withVariantName("v").withModelName("java").withInitialInstanceCount(1).withInstanceType("ml.t2.medium")));
        sagemaker.createEndpoint(new CreateEndpointRequest().withEndpointName("java").withEndpointConfigName("java"));
        String status = "Creating";
        while (status.equals("Creating")) {
            Thread.sleep(200);
            status = sagemaker.describeEndpoint(new DescribeEndpointRequest().withEndpointName("java")).getEndpointStatus();
        }
        System.out.println("endpoint " + status);
    }
}
